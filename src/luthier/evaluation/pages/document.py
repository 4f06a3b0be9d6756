"""A template and what it is to say go in, one HTML page that opens anywhere comes out: no address leads outside."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from luthier.evaluation import wording
from luthier.tokens.visible import make_visible

HERE = "luthier.evaluation.pages"
STYLES = ("page.css", "charts.css", "report.css", "media.css")
SCRIPT = "page.js"


def render_page(template: str, *, package: str = HERE, **values: object) -> str:
    """`package` has a folder `templates`, in which the template lies; it may extend and import those of this package.

    Whatever is printed is escaped and made visible. The page's own style and script are all that may run in it.
    """
    style, script = "".join(map(read_part, STYLES)), read_part(SCRIPT)
    page = open_templates(package).get_template(template)
    return page.render(
        style=Markup(style),
        script=Markup(script),
        style_hash=hash_source(style),
        script_hash=hash_source(script),
        words=wording,
        **values,
    )


def open_templates(package: str) -> Environment:
    return Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in dict.fromkeys((package, HERE))]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=finalize,
    )


def read_part(name: str) -> str:
    return files(HERE).joinpath("templates", name).read_text("utf-8")


def hash_source(text: str) -> str:
    """How a Content-Security-Policy names the one inline part that it lets through."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def finalize(value: object) -> object:
    """Runs on everything that a template prints, so that no text can be forgotten."""
    return make_visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
