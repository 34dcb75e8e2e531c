"""`p2p chat` and a second `p2p login` beside a running node: one login, several screens."""

from tests.people import People
from tests.programs import Program, running


def test_pipe_through_the_running_node(people: People) -> None:
    """Everything is delivered without a password or a second login; the node stays online."""
    with running(people.start("bob")), running(people.start("alice", "--headless")) as alice:
        del people.env["alice"]["P2P_PASSWORD"]
        chat = Program("chat", "bob", env=people.env["alice"])
        for n in range(2000):
            chat.type(f"line {n}")
        assert chat.end()[0] == 0
        texts = [text for sender, text, _ in people.texts("bob", "alice") if sender == "alice"]
        assert texts[-2000:] == [f"line {n}" for n in range(2000)]
        assert people.run("alice", "status")[1][0].endswith(": online")
        assert alice.process.poll() is None
        assert people.run("alice", "chat", "nobody")[0] == 5


def test_second_login_is_a_second_screen(people: People) -> None:
    """A second screen can end without the node; a second node is refused."""
    with running(people.start("alice")) as alice:
        second = Program("login", env=people.env["alice"])
        second.type("/search bob")
        second.wait_for("bob is offline")
        code, _, err = people.run("alice", "login", "--headless")
        assert (code, "online already" in err) == (2, True)
        code, _, err = people.run("alice", "login", "--no-history")
        assert (code, "your node is already running; --no-history" in err) == (2, True)
        second.type("/quit")
        assert second.end()[0] == 0
        third = Program("login", env=people.env["alice"])
        third.type("/search bob")
        third.wait_for("bob is offline")
        alice.type("/quit")
        assert alice.end()[0] == 0
        code, err = third.end()
        assert (code, "your node has ended" in err) == (3, True)


def test_user_without_a_screen_is_away(people: People) -> None:
    """The user of a headless node is away unless a screen is attached."""
    with running(people.start("bob", "--headless")), running(people.start("alice")) as alice:
        alice.type("/chat bob")
        alice.wait_for("chat with bob started")
        alice.wait_for("bob is away from the keyboard")
        with running(Program("login", "bob", env=people.env["bob"])) as screen:
            alice.wait_for("bob is back at the keyboard")
            screen.type("/away")
            alice.wait_for("bob is away from the keyboard")
            screen.type("/chat alice")
            screen.type("here I am")
            for _ in range(2):  # in either order, since presence is reported once a second
                alice.wait_for("^bob: here I am$|bob is back at the keyboard")
            screen.type("/quit")
            screen.end()
        alice.wait_for("bob is away from the keyboard|chat with bob ended")
