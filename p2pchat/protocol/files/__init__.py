"""Files between contacts: what is offered, under which names, and how it is verified."""
