"""Lines left in mailboxes for offline users, and received from our own mailbox."""
