"""What a policy was used for, by past requests, and changes to it that follow from that."""
