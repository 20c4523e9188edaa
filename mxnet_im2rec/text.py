# Copyright 2026 the mxnet_im2rec authors
# SPDX-License-Identifier: Apache-2.0
"""Messages that keep their parts, and that do nothing to a terminal. Knows no surface: each one words the parts itself.

A library's message names arguments and functions: ``use num_workers=0``. On the command line these have other names:
``use --workers 0``. So such a message is a :class:`Text`. It is a str, worded for Python, and it knows which of its parts are
names. The command line words these parts in its own way, by :func:`reword`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterable, List, Optional, Sequence, Tuple, Union


@dataclass(frozen=True)
class Argument:
    """An argument of a public function, within a message; with a value if the message says which.

    ``function`` is for a message about another function than the one that is called, such as what to give to im2rec().

    Examples
    --------
    >>> str(Argument('seed')), str(Argument('mp_context', 'fork'))
    ('seed', "mp_context='fork'")
    """

    name: str
    value: Any = ...
    function: str = ""

    def __str__(self) -> str:
        return self.name if self.value is ... else f"{self.name}={self.value!r}"


@dataclass(frozen=True)
class Call:
    """A call of a public function that a message advises, on a .rec if the message knows which.

    ``output`` is the name of the argument for the output, where the function has one: its value is the caller's choice.

    Examples
    --------
    >>> str(Call('salvage', 'a.rec', 'out')), str(Call('salvage'))
    ("mxnet_im2rec.salvage('a.rec', out)", 'mxnet_im2rec.salvage()')
    """

    function: str
    rec_path: Optional[str] = None
    output: str = ""

    def __str__(self) -> str:
        arguments = [] if self.rec_path is None else [repr(self.rec_path), *filter(None, [self.output])]
        return f"mxnet_im2rec.{self.function}({', '.join(arguments)})"


Name = Union[Argument, Call]
"""A part of a message that every surface words in its own way."""


class Text(str):
    """A message made of parts: str, :class:`Argument`, :class:`Call`, other Texts. Its value is the wording for Python.

    The parts survive pickling, copying, ``+`` and the ``join`` of a Text. An f-string and ``%`` give a plain str, without the
    parts: put together what has parts with ``Text(...)``, ``+`` or ``join``.

    Attributes
    ----------
    parts : tuple of str, Argument or Call
        What the message consists of.

    Examples
    --------
    >>> advice = Text('give ', Argument('num_workers', 0))
    >>> Text('no processes here; ', advice)
    'no processes here; give num_workers=0'
    >>> reword(advice, lambda name: '--workers 0')
    'give --workers 0'
    """

    parts: Tuple[Union[str, Name], ...]

    def __new__(cls, *parts: Union[str, Name]) -> Text:
        flat: List[Union[str, Name]] = []
        for part in parts:
            flat += part.parts if isinstance(part, Text) else [part]
        text = super().__new__(cls, "".join(map(str, flat)))
        text.parts = tuple(flat)
        return text

    def __add__(self, other: str) -> Text:
        return Text(self, other)

    def __radd__(self, other: str) -> Text:
        return Text(other, self)

    def join(self, texts: Iterable[str]) -> Text:
        parts: List[str] = []
        for text in texts:
            parts += [self, text] if parts else [text]
        return Text(*parts)

    def __reduce__(self) -> Any:
        return Text, self.parts


def reword(message: str, word: Callable[[Name], str]) -> str:
    """A message with its names as a surface words them; a plain str stays as it is."""
    if not isinstance(message, Text):
        return message
    return "".join(part if isinstance(part, str) else word(part) for part in message.parts)


def message_of(error: BaseException) -> str:
    """What an error says, with the parts of its message; ``str(error)`` is without them."""
    return error.args[0] if len(error.args) == 1 and isinstance(error.args[0], Text) else str(error)


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun, in the singular or the plural. The plural is the noun with an s, if it is not given.

    Examples
    --------
    >>> count(1, 'entry', 'entries'), count(2000, 'image')
    ('1 entry', '2,000 images')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def first_lines(items: Sequence[object], most: int, total: int = 0) -> List[str]:
    """A line for each of the first items, and one that counts the rest; ``total`` is their number if there are more than these.

    Examples
    --------
    >>> first_lines("abc", 2)
    ['  a', '  b', '  ... and 1 more']
    """
    more = max(total, len(items)) - most
    return ["  " + str(item) for item in items[:most]] + ([f"  ... and {more:,} more"] if more > 0 else [])


def visible(text: str) -> str:
    """A name within a line: as it is where that is harmless, else quoted."""
    return text if text.isprintable() else repr(text)


def printable(text: str, keep: str = "") -> str:
    """The text with every character that cannot be printed written as Python's repr writes it, such as ``\\x1b``.

    Parameters
    ----------
    text : str
        It may come from a file, and do something to a terminal.
    keep : str
        Characters that stay as they are, such as a line's end.

    Examples
    --------
    >>> printable("a\\x1b[31mb\\n", keep="\\n")
    'a\\\\x1b[31mb\\n'
    """
    if text.isprintable():
        return text
    if isinstance(text, Text):
        return Text(*[printable(part, keep) if isinstance(part, str) else part for part in text.parts])
    return "".join([each if each.isprintable() or each in keep else repr(each)[1:-1] for each in text])
