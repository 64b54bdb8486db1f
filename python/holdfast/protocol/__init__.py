"""What clients of the guardian's sockets share: lines, calls and answers in pieces."""
