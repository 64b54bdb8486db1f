"""Themes read from TOML files.

A file is wholly valid or not used at all; themes/README.md is the format.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rich.style import Style
from textual.color import Color, ColorParseError
from textual.theme import Theme

COLOURS = (
    "background", "surface", "panel", "foreground", "muted", "accent", "border",
    "ok", "info", "warn", "alarm", "select_background", "select_foreground",
)  # fmt: skip
BANNERS = ("live", "stale", "frozen", "sealed", "alarm")
TONES = ("ok", "info", "warn", "alarm", "muted", "accent", "foreground")
THEME_BYTES_MAX = 64 * 1024


class ThemeError(ValueError):
    """A theme file that cannot be used; the text names file, key and what is wrong."""


@dataclass(frozen=True, slots=True)
class Palette:
    """One validated theme. Colours are `#rrggbb`, or `ansi_…` names in an ansi theme."""

    name: str
    dark: bool
    ansi: bool
    colours: dict[str, str]
    banners: dict[str, tuple[str, str]]
    _styles: dict[str, Style] = field(default_factory=dict, compare=False, repr=False)

    def style(self, spec: str) -> Style:
        """A rich style of words: tones, `bold`, `dim`, `reverse`, `select`, `on-banner:<kind>`.

        Cached.
        """
        known = self._styles.get(spec)
        if known is None:
            known = self._styles[spec] = self._build(spec)
        return known

    def _build(self, spec: str) -> Style:
        style = Style.null()
        for word in spec.split():
            if word in TONES:
                style += Style(color=_rich(self.colours[word]))
            elif word == "select":
                style += Style(
                    color=_rich(self.colours["select_foreground"]),
                    bgcolor=_rich(self.colours["select_background"]),
                )
            elif word.startswith("banner:"):
                ink, paper = self.banners[word.removeprefix("banner:")]
                style += Style(color=_rich(ink), bgcolor=_rich(paper))
            elif word in {"bold", "dim", "reverse", "italic", "underline"}:
                style += Style.parse(word)
            else:
                raise KeyError(spec)
        return style

    def to_textual(self) -> Theme:
        """The theme as Textual wants it; its widgets get the same colours."""
        colour = self.colours
        variables = {
            "border": colour["border"],
            "border-blurred": colour["border"],
            "block-cursor-background": colour["select_background"],
            "block-cursor-foreground": colour["select_foreground"],
            "block-cursor-text-style": "none",
            "footer-key-foreground": colour["accent"],
            "input-selection-background": colour["select_background"],
            "scrollbar": colour["border"],
            "scrollbar-background": colour["background"],
            "scrollbar-hover": colour["accent"],
            "scrollbar-active": colour["accent"],
            "scrollbar-corner-color": colour["background"],
            "hf-muted": colour["muted"],
        }
        if self.ansi:
            variables["ansi-background"] = "ansi_black" if self.dark else "ansi_white"
            variables["ansi-foreground"] = "ansi_white" if self.dark else "ansi_black"
        return Theme(
            name=self.name,
            primary=colour["accent"],
            secondary=colour["info"],
            accent=colour["accent"],
            warning=colour["warn"],
            error=colour["alarm"],
            success=colour["ok"],
            foreground=colour["foreground"],
            background=colour["background"],
            surface=colour["surface"],
            panel=colour["panel"],
            dark=self.dark,
            ansi=self.ansi,
            variables=variables,
        )


def _rich(colour: str) -> str:
    return Color.parse(colour).rich_color.name


def load_theme(path: Path) -> Palette:
    """Reads and validates one file. Raises ThemeError; never gives half a theme."""
    try:
        if path.stat().st_size > THEME_BYTES_MAX:
            raise ThemeError(f"{path.name}: larger than {THEME_BYTES_MAX} bytes")
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ThemeError(f"{path.name}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ThemeError(f"{path.name}: {error}") from error
    return parse_theme(data, path.name)


def parse_theme(data: dict[str, object], where: str) -> Palette:
    """Validates the parsed file; every key is required and none is extra."""
    _keys(data, {"name", "dark", "ansi", "colours", "banner"}, where)
    name, dark, ansi = data["name"], data["dark"], data["ansi"]
    if not isinstance(name, str) or not name.replace("-", "").isalnum() or not name.isascii():
        raise ThemeError(f"{where}: name: only letters, digits and dashes")
    if not isinstance(dark, bool) or not isinstance(ansi, bool):
        raise ThemeError(f"{where}: dark and ansi: must be true or false")
    colours = _colours(
        _table(data["colours"], set(COLOURS), f"{where}: colours"), f"{where}: colours", ansi
    )
    banners = {}
    for kind, value in _table(data["banner"], set(BANNERS), f"{where}: banner").items():
        spot = f"{where}: banner.{kind}"
        pair = _table(value, {"foreground", "background"}, spot)
        checked = _colours(pair, spot, ansi)
        banners[kind] = (checked["foreground"], checked["background"])
    palette = Palette(name, dark, ansi, colours, banners)
    palette.to_textual().to_color_system().generate()
    return palette


def _keys(data: dict[str, object], wanted: set[str], where: str) -> None:
    missing, extra = wanted - data.keys(), data.keys() - wanted
    if missing:
        raise ThemeError(f"{where}: missing {', '.join(sorted(missing))}")
    if extra:
        raise ThemeError(f"{where}: unknown {', '.join(sorted(extra))}")


def _table(value: object, wanted: set[str], where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ThemeError(f"{where}: must be a table")
    _keys(value, wanted, where)
    return value


def _colours(table: dict[str, object], where: str, ansi: bool) -> dict[str, str]:
    out = {}
    for key, value in table.items():
        if not isinstance(value, str):
            raise ThemeError(f"{where}: {key}: must be a colour in quotes")
        try:
            colour = Color.parse(value)
        except ColorParseError as error:
            raise ThemeError(f"{where}: {key}: `{value}` is not a colour") from error
        if ansi != (colour.ansi is not None):
            kind = "an ansi_ name" if ansi else "a #rrggbb colour"
            raise ThemeError(f"{where}: {key}: `{value}`: this theme needs {kind}")
        if colour.a != 1:
            raise ThemeError(f"{where}: {key}: `{value}`: transparency is not allowed")
        out[key] = value
    return out


def packaged_themes() -> Path:
    """The folder shipped with Holdfast.

    Beside the package in a wheel, at the top in a source tree.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "themes", package.parent / "themes", package.parents[1] / "themes"):
        if (folder / "night.toml").is_file():
            return folder
    raise ThemeError("the themes folder is missing from this installation")


class Library:
    """Themes of several folders, the later ones winning by name; noticing changed files."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = list(folders)
        self._seen: dict[Path, tuple[int, int]] = {}
        self.palettes: dict[str, Palette] = {}

    def refresh(self) -> tuple[list[Palette], list[ThemeError]]:
        """Loads what is new or changed: (good ones, faults). What was loaded stays on a fault."""
        good, bad = [], []
        for path in self._files():
            try:
                info = path.stat()
            except OSError:
                continue
            mark = (info.st_mtime_ns, info.st_size)
            if self._seen.get(path) == mark:
                continue
            self._seen[path] = mark
            try:
                palette = load_theme(path)
            except ThemeError as error:
                bad.append(error)
                continue
            self.palettes[palette.name] = palette
            good.append(palette)
        return good, bad

    def _files(self) -> list[Path]:
        files: list[Path] = []
        for folder in self._folders:
            try:
                files += sorted(folder.glob("*.toml"))
            except OSError:
                continue
        return files
