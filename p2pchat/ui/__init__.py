"""What the person sees. Talks to node and events, never to sockets."""
