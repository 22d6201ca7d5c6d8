"""Plain functions on text."""

from .casing import camel, kebab, pascal, snake, title, words
from .layout import align, columns, justify, wrap
from .similar import closest, distance, ratio, similarity
from .slugs import initials, shorten, slugify, unique_slug
from .template import Template, TemplateError, render

__all__ = [
    "Template",
    "TemplateError",
    "align",
    "camel",
    "closest",
    "columns",
    "distance",
    "initials",
    "justify",
    "kebab",
    "pascal",
    "ratio",
    "render",
    "shorten",
    "similarity",
    "slugify",
    "snake",
    "title",
    "unique_slug",
    "words",
    "wrap",
]
