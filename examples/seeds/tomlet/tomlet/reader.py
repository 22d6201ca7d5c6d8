"""A cursor over the text."""

from __future__ import annotations

from typing import Callable, NoReturn, Type

from .errors import SyntaxProblem

END = ""


class Reader:
    """Walks over text and knows where it is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def peek(self) -> str:
        """Returns the next character, or the empty string at the end."""
        return self.text[self.at : self.at + 1]

    def place(self) -> tuple[int, int]:
        """Returns line and column, both counted from one."""
        before = self.text[: self.at]
        return before.count("\n") + 1, self.at - before.rfind("\n")

    def fail(self, problem: str, error: Type[SyntaxProblem] = SyntaxProblem) -> NoReturn:
        """Raises an error about the place reached."""
        line, column = self.place()
        raise error(problem, line, column)

    def take(self) -> str:
        """Consumes one character."""
        if self.at >= len(self.text):
            self.fail("the text ends too early")
        self.at += 1
        return self.text[self.at - 1]

    def accept(self, literal: str) -> bool:
        """Consumes `literal` if it comes next."""
        if not self.text.startswith(literal, self.at):
            return False
        self.at += len(literal)
        return True

    def expect(self, literal: str) -> None:
        """Consumes `literal`, or says what stands in its place."""
        if not self.accept(literal):
            found = repr(self.peek) if self.peek else "the end"
            self.fail(f"expected {literal!r}, found {found}")

    def take_while(self, wanted: Callable[[str], bool]) -> str:
        """Consumes the longest run of wanted characters."""
        start = self.at
        while self.peek and wanted(self.peek):
            self.at += 1
        return self.text[start : self.at]

    def blanks(self) -> None:
        """Skips spaces and tabs on this line."""
        self.take_while(lambda char: char in " \t")

    def comment(self) -> None:
        """Skips a comment up to its line's end."""
        if self.peek == "#":
            self.take_while(lambda char: char != "\n")

    def empty_lines(self) -> None:
        """Skips blanks, comments and line ends."""
        while True:
            self.blanks()
            self.comment()
            if not self.accept("\n"):
                return
