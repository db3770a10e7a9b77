"""From what the file says of channels and templates to how each channel is spoken to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from daemon import channels
from daemon.config_models import ChannelModel, TemplateModel
from daemon.marked import Problem, Where
from daemon.scribe import VARIABLES, Letterhead, Voice
from daemon.secrets import Unresolved, plain_password, plain_token, resolve
from daemon.templates import Pattern, TemplateFault, compiled
from rules.spelling import did_you_mean
from rules.wording import Markup

MAX_FILE_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: at a place of the file itself (``offset`` characters into it), or as a problem of another file."""

    where: Where
    text: str
    offset: int | None = None
    elsewhere: Problem | None = None


def url_faults(url: str, env: Mapping[str, str], base: Path) -> Iterator[str]:
    """What is wrong with a channel's URL, in words that quote nothing secret."""
    found = resolve(url, env, base)
    if isinstance(found, Unresolved):
        yield found.text
    else:
        yield from filter(None, [channels.problem_with(found.reveal()) or plain_token(url)])
    yield from filter(None, [plain_password(url)])


def voice(model: ChannelModel, zone: str) -> Voice:
    """How a channel is spoken to; ``zone`` is that of the file."""
    return Voice(model.language, ZoneInfo(model.zone or zone), model.format, model.template, model.charts)


class TemplateReading:
    """One pass over the templates of a file, collecting what is wrong with them; ``read`` reads a file."""

    def __init__(self, base: Path, read: Callable[[Path], bytes]) -> None:
        self._base, self._read = base, read
        self.faults: list[Fault] = []
        self.notes: list[str] = []

    def letterheads(self, written: Iterable[tuple[str, TemplateModel]]) -> Mapping[str, Letterhead]:
        """The templates by their names, without those that have a fault."""
        found = {name: self._letterhead(name, model) for name, model in written}
        return {name: each for name, each in found.items() if each is not None}

    def _letterhead(self, name: str, model: TemplateModel) -> Letterhead | None:
        source = model.body or ""
        at = _placed(("templates", name, "body"), "", source)
        if model.file is not None:
            text = self._text(name, model.file)
            if text is None:
                return None
            source, at = text, _placed(("templates", name, "file"), model.file, text)
        markups = [model.format] if model.format else list(Markup)
        bodies = {each: self._pattern(name, source, each, at) for each in markups}
        titled = _placed(("templates", name, "title"), "", model.title)
        title = self._pattern(name, model.title, Markup.TEXT, titled) if model.title else None
        kept = {markup: body for markup, body in bodies.items() if body is not None}
        return Letterhead(title, kept, model.format) if len(kept) == len(markups) else None

    def _text(self, name: str, file: str) -> str | None:
        try:
            raw = self._read(self._base / file)
            if len(raw) <= MAX_FILE_BYTES:
                return raw.decode("utf-8")
            said = "it is too large for a template"
        except OSError as error:
            said = f"it cannot be read: {(error.strerror or 'unknown reason').lower()}"
        except UnicodeDecodeError:
            said = "it is not UTF-8 text"
        self.faults.append(Fault(("templates", name, "file"), f"{file}: {said}"))
        return None

    def _pattern(self, name: str, source: str, markup: Markup, at: Callable[[TemplateFault], Fault]) -> Pattern | None:
        found = compiled(source, markup, VARIABLES)
        if isinstance(found, TemplateFault):
            fault = at(found)
            self.faults += [] if fault in self.faults else [fault]
            return None
        self.notes += [note for note in _notes(name, found) if note not in self.notes]
        return found


def _notes(name: str, pattern: Pattern) -> Iterator[str]:
    for _, unknown in pattern.unknown:
        near = did_you_mean(unknown, VARIABLES)
        yield f"the template {name} names `{unknown}`, which no message has, so the usual text is sent instead{near}"


def _placed(where: Where, file: str, source: str) -> Callable[[TemplateFault], Fault]:
    """What makes of a template's fault one at its place: in the configuration, or in ``file`` with this ``source``."""

    def made(fault: TemplateFault) -> Fault:
        if not file:
            return Fault(where, fault.text, fault.offset)
        before = source[: fault.offset]
        column = len(before) - before.rfind("\n")
        return Fault(where, fault.text, None, Problem(before.count("\n") + 1, column, fault.text, file=file))

    return made


def missing(name: str, known: Collection[str]) -> str:
    """What is wrong with naming a template, or ""."""
    return f"unknown template `{name}`{did_you_mean(name, frozenset(known))}" if name and name not in known else ""
