"""TLS over any transport: certificates, contexts, engines."""
