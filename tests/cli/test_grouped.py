"""A dataclass as a parameter of a command: its fields are the options."""

import inspect
from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from avatar_kit.cli.grouped import grouped


@dataclass(frozen=True)
class Size:
    width: Annotated[int, typer.Option(help="How wide.")] = 4
    height: Annotated[int | None, typer.Option(help="How high.")] = None


@dataclass(frozen=True)
class Told:
    calls: list[tuple[str, Size, bool]]


def app() -> tuple[typer.Typer, Told]:
    told = Told([])
    made = typer.Typer()

    @made.command()
    @grouped
    def draw(name: str, size: Size, *, loud: bool = False) -> None:
        told.calls.append((name, size, loud))

    return made, told


def test_options_make_the_dataclass() -> None:
    made, told = app()
    result = CliRunner().invoke(made, ["x", "--height", "3", "--loud"])
    assert result.exit_code == 0, result.output
    assert told.calls == [("x", Size(4, 3), True)]


def test_the_defaults_are_the_dataclass_s() -> None:
    made, told = app()
    assert CliRunner().invoke(made, ["x"]).exit_code == 0
    assert told.calls == [("x", Size(), False)]


def test_the_help_names_every_option() -> None:
    made, _ = app()
    said = CliRunner().invoke(made, ["--help"]).output
    assert "--width" in said
    assert "How high." in said


def test_a_command_keeps_its_name_and_text() -> None:
    @grouped
    def draw(size: Size) -> None:
        """Draw."""

    assert (draw.__name__, draw.__doc__) == ("draw", "Draw.")
    assert list(inspect.signature(draw).parameters) == ["width", "height"]
