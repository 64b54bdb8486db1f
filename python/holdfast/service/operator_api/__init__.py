"""The operator's side: socket, methods, stream and health."""
