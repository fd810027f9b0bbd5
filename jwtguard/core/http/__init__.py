"""HTTP as the core sees it: requests, responses, where a token stands, cookies, CSRF."""
