"""The hub's face: an aiohttp application. Limits before work, problem details for every refusal, one log line per request."""
