"""SVG by hand: one function that escapes everything it is given."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape


def tag(name: str, *children: str | Markup, **attributes: str | float | int | None) -> Markup:
    """Return one element; text and attributes are escaped, children that are markup already are kept.

    Args:
        name: The element's name.
        children: Text or markup inside it.
        attributes: Attributes; ``_`` in a name becomes ``-``, a trailing one (``class_``) goes away, None leaves one out.
    """
    # Plain strings put together and marked once: a country's pages hold a million elements.
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>")


def number(value: str | float | int) -> str:
    """Return an attribute's text; numbers with at most one decimal, which is finer than a screen's dot."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def drawing(
    name: str, title: str, description: str, size: tuple[float, float], children: Iterable[Markup]
) -> Markup:
    """Return an ``svg`` element that is one image to those who cannot see it, with title and description.

    Args:
        name: Prefix of the ids inside; unique on the page.
        title: What it shows, a few words.
        description: What can be read from it, or where the same stands as a table.
        size: Width and height of its own coordinates.
        children: What is drawn, in order.
    """
    more = bool(description) and description != title  # the same twice would be read twice
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        *([tag("desc", description, id=f"{name}-desc")] if more else []),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(size[0])} {number(size[1])}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc" if more else f"{name}-title",
        class_="drawing",
    )
