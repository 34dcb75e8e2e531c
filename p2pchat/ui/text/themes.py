"""Colours of the prompt. Nothing is conveyed by colour alone."""

from typing import Final

from prompt_toolkit.styles import Style

_ANY: Final = {
    "contact": "bold",
    "notice": "italic",
    "bottom-toolbar": "noreverse bg:ansibrightblack fg:ansiwhite",
    "bottom-toolbar.trouble": "bold",
    "bottom-toolbar.question": "bold",
}

_DARK: Final = {
    "contact": "bold fg:ansibrightcyan",
    "prompt": "fg:ansibrightgreen",
    "notice": "italic fg:ansibrightyellow",
    "time": "fg:ansibrightblack",
    "day": "fg:ansibrightblack",
    "bottom-toolbar": "noreverse bg:#303030 fg:#e0e0e0",
}

_LIGHT: Final = {
    "contact": "bold fg:ansiblue",
    "prompt": "fg:ansigreen",
    "notice": "italic fg:ansimagenta",
    "time": "fg:#707070",
    "day": "fg:#707070",
    "bottom-toolbar": "noreverse bg:#d8d8d8 fg:#202020",
}

_THEMES: Final = {"auto": {}, "dark": _DARK, "light": _LIGHT}


def style_of(theme: str) -> Style:
    """Return the style; `auto` uses only colours that are readable on any background."""
    return Style.from_dict({**_ANY, **_THEMES[theme]})
