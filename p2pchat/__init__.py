"""p2pchat: chat from the terminal, peer to peer, with a registry that you host yourself.

The house, from the ground up; imports go down only. `errors` names what can go wrong; `storage`
opens a SQLite file. `protocol` is what is said: messages, frames, dialects, the order of a
dialogue; pure values and tables. `net` is how it travels: the loop, sockets, links, the worker
threads. `registry` is the server's mind and memory; `peer` is our own end: the node that logs in,
calls and is called. `ui` is what the person sees, `cli` what the shell sees. Values go up, calls
go down, nothing calls sideways; all state belongs to the one thread that runs the loop.

The words: *bytes* travel, a *frame* is a delimited run of them, a *message* is what is said, an
*event* is what the person is told. A *transport* moves bytes, a *connection* knows the rules of a
dialogue, a *link* is both. Our own end is the *node*, the person at the other end is a *contact*,
the other end of a wire is the *remote*. A *deadline* is an instant, a *timeout* a duration.
*Refused* is an answer, an *error* is a violation.
"""

__version__ = "0.1.0"
