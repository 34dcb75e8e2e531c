"""Commands for users: accounts, chats, contacts."""
