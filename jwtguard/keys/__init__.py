"""Where keys come from at run time: remote JWK Sets, OpenID discovery, several issuers, introspection, directories.

The rule of this folder: it imports `jwtguard.core` and itself. What is slow to import (asyncio, urllib, ssl) is
imported where it is first used, since `import jwtguard` imports this folder.
"""
