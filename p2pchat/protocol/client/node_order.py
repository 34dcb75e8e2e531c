"""The base classes of the orders of a client, and of their results."""

from typing import Generic, TypeVar

from p2pchat.protocol.messages import Message


class Result(Message, frozen=True, tag_field="result"):
    """The result of an order."""


class Done(Result, frozen=True, tag="done"):
    """The order was carried out; there is no result."""


R = TypeVar("R", bound=Result)


class Order(Message, Generic[R], frozen=True, tag_field="order"):
    """An order whose result is an R."""
