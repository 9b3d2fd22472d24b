"""The Chinese catalogue, kept without gettext's own programs.

`python -m config.translations update` collects every string people read, keeps what is translated and
compiles; `check` refuses in one sentence; `compile` only compiles. English is the msgid itself. Scripts in
`static/` carry no words: templates hand them over in data attributes. New translations may wait as plain
entries in `config/locale/pending/*.po`; `update` takes them over and removes the files.
"""

import argparse
import ast
import re
import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LANGUAGE = "zh_Hans"
HEADER = """\
# What RentMeter says in Chinese. `python -m config.translations update` keeps the list of strings;
# the words after msgstr are written by hand."""
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
_CHINESE = "\u4e00-\u9fff"
_FULL_WIDTH = str.maketrans(",;:?!", "，；：？！")
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z]|\{\w*\}")


class StableCatalog(Catalog):
    """A catalogue whose files depend on its strings alone: no dates, no tool versions."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Language", LANGUAGE),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
            ("Plural-Forms", self.plural_forms),
        ]


class TranslationsIncomplete(Exception):
    """The catalogue is not what the sources and the product need; the message is one sentence."""


def po_path(root: Path) -> Path:
    return root / "config" / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"


def mo_path(root: Path) -> Path:
    return po_path(root).with_suffix(".mo")


def pending_paths(root: Path) -> list[Path]:
    return sorted((root / "config" / "locale" / "pending").glob("*.po"))


def extracted(root: Path) -> StableCatalog:
    """Return every string of the Python sources and templates below `root`, untranslated.

    Each carries the files it stands in, without line numbers, so that moving a line changes nothing.
    """
    found = _new_catalog()
    for source in _sources(root):
        content = source.read_text(encoding="utf-8")
        if source.suffix == ".html":
            # Filler between the calls keeps the template's indentation, which is not Python's.
            calls = templatize(content, origin=str(source.relative_to(root)))
            content = "".join(line.lstrip() for line in calls.splitlines(keepends=True))
        else:
            content += _inside_f_strings(content)
        location = (source.relative_to(root).as_posix(), 1)
        strings = extract("python", BytesIO(content.encode()), KEYWORDS, options={"encoding": "utf-8"})
        for _line, msgid, _comments, context in strings:
            found.add(msgid, locations=[location], context=context)
    return found


def _inside_f_strings(source: str) -> str:
    """Return the expressions within f-strings, a line each: before Python 3.12 a tokenizer hands them over as text."""
    texts = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.JoinedStr)]
    parts = [part for text in texts for part in text.values if isinstance(part, ast.FormattedValue)]
    return "".join(f"\n{ast.unparse(part.value)}" for part in parts)


def _sources(root: Path) -> Iterator[Path]:
    for folder, pattern in (
        ("apps", "**/*.py"),
        ("config", "**/*.py"),
        ("apps", "**/*.html"),
        ("templates", "**/*.html"),
    ):
        yield from sorted((root / folder).glob(pattern))


def _new_catalog() -> StableCatalog:
    return StableCatalog(locale=LANGUAGE, charset="utf-8", fuzzy=False, header_comment=HEADER)


def _messages(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def _name(message: Message) -> str:
    singular = message.id if isinstance(message.id, str) else message.id[0]
    return f"“{singular}”" + (f" ({message.context})" if message.context else "")


def _translation(message: Message) -> str:
    """Chinese has one form for every number, so the first is the translation."""
    words = message.string or ""
    return words if isinstance(words, str) else "".join(words[:1])


def _key(message: Message) -> tuple[str, str]:
    return (message.id if isinstance(message.id, str) else message.id[0], message.context or "")


def read(path: Path) -> Catalog:
    """Return the entries of a .po file; without the file, none. Raises TranslationsIncomplete on bad syntax."""
    if not path.exists():
        return _new_catalog()
    try:
        return read_po(BytesIO(path.read_bytes()), locale=LANGUAGE, charset="utf-8", abort_invalid=True)
    except PoFileError as error:
        raise TranslationsIncomplete(f"{path.name} is not a .po file: {error}.") from error


def merged(found: StableCatalog, known: Iterable[Catalog]) -> tuple[StableCatalog, list[str]]:
    """Return `found` with the translations of `known`, and a line on every doubt.

    The first translation of a string wins; a second, different one is a doubt, and so is one for a string
    that stands nowhere.
    """
    doubts = []
    by_key = {_key(message): message for message in _messages(found)}
    for catalog in known:
        for message in _messages(catalog):
            words = typeset(_translation(message))
            ours = by_key.get(_key(message))
            if not words:
                continue
            if ours is None:
                doubts.append(f"dropped, it stands nowhere: {_name(message)}")
            elif not _translation(ours):
                ours.string = words if isinstance(ours.id, str) else (words,)
                ours.flags |= message.flags & {"fuzzy"}
            elif _translation(ours) != words:
                doubts.append(f"kept {_translation(ours)} and not {words}: {_name(message)}")
    return found, doubts


def typeset(words: str) -> str:
    """Return `words` with Chinese punctuation wherever it touches a Chinese character."""
    if not re.search(f"[{_CHINESE}]", words):
        return words
    words = re.sub(r"\s*(?<!%)\(((?:%\(\w+\)|[^()])*)\)\s*", r"（\1）", words)
    touching = rf"(?<=[{_CHINESE}）])[,;:?!] *|[,;:?!] *(?=[{_CHINESE}（])"
    return re.sub(touching, lambda found: found[0].strip().translate(_FULL_WIDTH), words)


def po_bytes(catalog: Catalog) -> bytes:
    buffer = BytesIO()
    write_po(buffer, catalog, width=100, sort_output=True, include_lineno=False)
    return buffer.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    """Return what gettext reads; the same catalogue always gives the same bytes."""
    stable = _new_catalog()
    for message in _messages(catalog):
        stable.add(message.id, message.string, context=message.context, flags=message.flags)
    buffer = BytesIO()
    write_mo(buffer, stable)
    return buffer.getvalue()


def placeholders(text: str) -> list[str]:
    """Return the places that values are put into, in alphabetical order."""
    return sorted(_PLACEHOLDER.findall(text.replace("%%", "")))


def update(root: Path) -> list[str]:
    """Bring .po and .mo up to the sources and take the pending files over; return the doubts."""
    pending = pending_paths(root)
    catalog, doubts = merged(extracted(root), [read(path) for path in (po_path(root), *pending)])
    po_path(root).parent.mkdir(parents=True, exist_ok=True)
    po_path(root).write_bytes(po_bytes(catalog))
    compile_(root)
    for path in pending:
        path.unlink()
    untranslated = [f"not translated: {_name(m)}" for m in _messages(catalog) if not _translation(m)]
    return doubts + untranslated


def compile_(root: Path) -> None:
    mo_path(root).write_bytes(mo_bytes(read(po_path(root))))


def check(root: Path) -> None:
    """Raise TranslationsIncomplete for the first thing that keeps the catalogue from being complete."""
    for path in pending_paths(root):
        raise TranslationsIncomplete(f"config/locale/pending/{path.name} waits to be taken over: run update.")
    wanted, written = extracted(root), read(po_path(root))
    in_po = {_key(message): message for message in _messages(written)}
    in_sources = {_key(message): message for message in _messages(wanted)}
    for key, message in in_sources.items():
        if key not in in_po:
            raise TranslationsIncomplete(f"django.po does not have {_name(message)}: run update.")
        if isinstance(in_po[key].id, str) != isinstance(message.id, str):
            raise TranslationsIncomplete(
                f"django.po and the sources differ on the plural of {_name(message)}."
            )
    for key, message in in_po.items():
        if key not in in_sources:
            raise TranslationsIncomplete(
                f"{_name(message)} in django.po stands nowhere any more: run update."
            )
        if message.fuzzy:
            raise TranslationsIncomplete(f"The translation of {_name(message)} is marked fuzzy: look at it.")
        if not _translation(message):
            raise TranslationsIncomplete(f"{_name(message)} is not translated.")
        sources = [message.id] if isinstance(message.id, str) else list(message.id)
        if placeholders(_translation(message)) != placeholders(sources[-1]):
            raise TranslationsIncomplete(f"The translation of {_name(message)} has other placeholders.")
    if not mo_path(root).exists() or mo_path(root).read_bytes() != mo_bytes(written):
        raise TranslationsIncomplete("django.mo is not what django.po compiles to: run compile.")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m config.translations")
    parser.add_argument("act", choices=["update", "check", "compile"])
    act = parser.parse_args(arguments).act
    try:
        if act == "update":
            sys.stdout.writelines(f"{line}\n" for line in update(ROOT))
        elif act == "check":
            check(ROOT)
        else:
            compile_(ROOT)
    except TranslationsIncomplete as incomplete:
        sys.stderr.write(f"translations: {incomplete}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
