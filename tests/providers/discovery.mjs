// What an OAuth client makes of the metadata of a resource: `node discovery.mjs RESOURCE`, with oauth4webapi.
import * as oauth from 'oauth4webapi';

const resource = new URL(process.argv[2]);
const response = await oauth.resourceDiscoveryRequest(resource, { [oauth.allowInsecureRequests]: true });
console.log(JSON.stringify(await oauth.processResourceDiscoveryResponse(resource, response)));
