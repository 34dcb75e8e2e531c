"""The messages on the links of a conversation other than lines.

They carry presence in the conversation, the away status, mailbox passes, and the messages about
offered files.
"""

from collections.abc import Callable, Sequence

from p2pchat.errors import StorageError
from p2pchat.net.compartment import Scheduler
from p2pchat.net.link import Link
from p2pchat.peer.chat.file_talk import ConversationFileTalk
from p2pchat.peer.chat.surroundings import Surroundings
from p2pchat.peer.mailbox.talk import Talk
from p2pchat.peer.presence.here import HereStatus
from p2pchat.protocol.client.events import Trouble
from p2pchat.protocol.client.lines import KeptLine
from p2pchat.protocol.files.messages import FileDone, FileGet, FileNo
from p2pchat.protocol.mailbox import CAN_MAILBOX, BoxPass
from p2pchat.protocol.messages import Abilities, Message
from p2pchat.protocol.talk import Here, Idle


class SideMessages:
    """Handles these messages for one conversation, over successive links.

    `on_here(here)` is called when the contact has closed the conversation or opened it again;
    `flush()` writes the lines that were received before.
    """

    def __init__(
        self,
        loop: Scheduler,
        around: Surroundings,
        talk: Talk,
        file_talk: ConversationFileTalk,
        *,
        on_here: Callable[[bool], None],
        flush: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._away_status = around.away_status
        self._mailbox = around.mailbox
        self._talk = talk
        self._files = around.files
        self._on_event = around.on_event
        self._file_talk = file_talk
        self._on_here = on_here
        self._flush = flush
        self._here = HereStatus(loop, on_here)

    @property
    def is_open_there(self) -> bool:
        """Whether the contact has the conversation open."""
        return self._here.theirs

    def linked(self, link: Link, can: Abilities, *, dialled: bool) -> None:
        """Start on a new link; record the abilities of the contact, and whether we dialled it."""
        self._file_talk.linked(can, dialled=dialled)
        self._safely(lambda: self._files.linked(self._file_talk))
        self._here = HereStatus(self._loop, self._on_here)
        self._away_status.linked(link)
        self._mailbox.linked(self._talk)
        if CAN_MAILBOX in can:
            permit = self._mailbox.pass_for(self._talk)
            if permit:
                link.send(BoxPass(permit))

    def moved(self, link: Link, *, here: bool, dialled: bool) -> None:
        """Continue on a link that replaces the last one."""
        self._file_talk.moved(dialled=dialled)
        self._away_status.linked(link)
        self._here.repeat(link, here=here)
        self._files.path_changed(self._file_talk)

    def offered(self, lines: Sequence[KeptLine]) -> None:
        """Handle the offers in new lines of the contact."""
        self._safely(lambda: self._files.offered(self._file_talk, lines))

    def _safely(self, call: Callable[[], object]) -> None:
        """Report a storage error; file transfers must not end a conversation."""
        try:
            call()
        except StorageError as error:
            self._on_event(Trouble(error))

    def say_here(self, link: Link, *, here: bool) -> None:
        """Report to the contact whether the conversation is open here."""
        self._here.say(link, here=here)

    def hear(self, message: Message) -> bool:
        """Handle a message of these kinds; return False for any other."""
        match message:
            case Idle():
                self._away_status.hear(self._talk.contact, message)
            case Here():
                self._flush()
                self._here.hear(message)
            case BoxPass(permit):
                self._mailbox.take_pass(self._talk, permit)
            case FileGet() | FileNo() | FileDone():
                self._flush()  # the offer came before
                self._safely(lambda: self._files.hear(self._file_talk, message))
            case _:
                return False
        return True
