"""Themes: wholly valid or not used; readable; reloaded while the console runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.console.conftest import Stage
from textual.color import Color

from holdfast.console.themes import ThemeError, load_theme, packaged_themes

SHIPPED = sorted(packaged_themes().glob("*.toml"))
TEXTS = ("foreground", "muted", "accent", "ok", "info", "warn", "alarm")
GROUNDS = ("background", "surface", "panel")
CONTRAST_MIN = 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two colours."""

    def luminance(colour: Color) -> float:
        parts = [channel / 255 for channel in colour.rgb]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(Color.parse(one)), luminance(Color.parse(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_promised_themes_ship() -> None:
    assert {path.stem for path in SHIPPED} >= {"night", "day", "colour-blind", "ansi"}
    assert all(load_theme(path).name == path.stem for path in SHIPPED)


@pytest.mark.parametrize(
    "path", [path for path in SHIPPED if path.stem != "ansi"], ids=lambda path: path.stem
)
def test_every_text_of_a_shipped_theme_can_be_read(path: Path) -> None:
    theme = load_theme(path)
    pairs = [(theme.colours[t], theme.colours[g]) for t in TEXTS for g in GROUNDS]
    pairs += theme.banners.values()
    pairs.append((theme.colours["select_foreground"], theme.colours["select_background"]))
    weak = [(a, b, round(contrast(a, b), 2)) for a, b in pairs if contrast(a, b) < CONTRAST_MIN]
    assert weak == []


def test_the_colour_blind_theme_uses_the_measured_colours() -> None:
    colours = load_theme(packaged_themes() / "colour-blind.toml").colours
    assert (colours["ok"], colours["warn"], colours["alarm"]) == ("#2fafff", "#ffa00f", "#ff5f59")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('ok = "#7bc98a"', 'ok = "#7bc9zz"', "colours: ok: `#7bc9zz` is not a colour"),
        ('ok = "#7bc98a"', "", "missing ok"),
        ('ok = "#7bc98a"', 'ok = "#7bc98a"\nokay = "#ffffff"', "unknown okay"),
        ('ok = "#7bc98a"', 'ok = "ansi_green"', "needs a #rrggbb colour"),
        ('ok = "#7bc98a"', 'ok = "#7bc98a80"', "transparency"),
        ('ok = "#7bc98a"', "ok = 7", "must be a colour in quotes"),
        ("dark = true", 'dark = "yes"', "true or false"),
        ("[colours]", "[colours", "night.toml"),
        ('name = "night"', 'name = "[bold]"', "name"),
    ],
)
def test_a_fault_in_a_theme_is_named_and_nothing_of_it_used(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    text = (packaged_themes() / "night.toml").read_text()
    assert old in text
    bad = tmp_path / "night.toml"
    bad.write_text(text.replace(old, new, 1))
    with pytest.raises(ThemeError, match=r"night\.toml") as caught:
        load_theme(bad)
    assert says in str(caught.value)


async def test_a_bad_colour_while_running_is_reported_and_the_old_theme_stays(busy: Stage) -> None:
    folder = busy.home / "themes"
    folder.mkdir()
    mine = folder / "mine.toml"
    text = (packaged_themes() / "night.toml").read_text().replace('"night"', '"mine"', 1)
    async with busy.run() as pilot:
        await busy.ready(pilot)
        mine.write_text(text)
        await busy.advance(pilot, 1.1)
        await busy.until(pilot, lambda: "mine" in busy.app.theme_names())
        busy.app.use_theme("mine")
        mine.write_text(text.replace("#0f1419", "#0f14zz9"))
        await busy.advance(pilot, 1.1)
        await busy.until(
            pilot, lambda: any("#0f14zz9" in n.message for n in busy.app._notifications)
        )
        assert busy.app.palette.colours["background"] == "#0f1419"
        mine.write_text(text.replace("#0f1419", "#000000"))
        await busy.advance(pilot, 1.1)
        await busy.until(pilot, lambda: busy.app.palette.colours["background"] == "#000000")


async def test_every_shipped_theme_can_be_used(busy: Stage) -> None:
    async with busy.run() as pilot:
        await busy.ready(pilot)
        for path in SHIPPED:
            busy.app.use_theme(path.stem)
            await pilot.pause(0.05)
            assert busy.app.current_theme.name == path.stem


async def test_an_unknown_theme_falls_back_and_says_so(home: Path) -> None:
    from tests.console.conftest import make_stage

    stage = make_stage(home, "idle", theme="nosuch")
    try:
        async with stage.run() as pilot:
            await stage.ready(pilot)
            assert stage.app.palette.name == "night"
            assert any("nosuch" in n.message for n in stage.app._notifications)
    finally:
        stage.guardian.close()


def test_themes_are_real_files_in_the_tree(tmp_path: Path) -> None:
    folder = packaged_themes()
    assert not folder.is_symlink()
    shutil.copytree(folder, tmp_path / "themes")
    assert not any(path.is_symlink() for path in folder.iterdir())
