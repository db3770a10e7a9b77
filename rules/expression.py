"""An expression, checked once and compiled to closures.

Truth has three values: True, False and None (unknown). Arithmetic and comparison with an unknown are unknown; `and`,
`or` and `not` follow Kleene (``False and unknown`` is False). Series are matched as PromQL users expect: two labelled
sides pair up equal labels (a label only one side has is unknown on the other), anything unlabelled is applied to each.
A label that a selector fixes with ``=`` no longer tells series apart and is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rules.closures import Kind, Run, Value
from rules.compiler import COMPARISONS, Compiler
from rules.detectors import Finding
from rules.grammar import Binary, ExpressionError, Number, Series, Tree, parse
from rules.notes import PLAIN, Detection, Options, Part, Problem
from rules.trees import NO_NAMES, Names, behind, expanded, named, written
from rules.values import NO_LABELS, Labels, Metric, Unit, View

__all__ = [
    "Evaluated",
    "Expression",
    "Need",
    "Options",
    "Problem",
    "Threshold",
    "compile_condition",
    "compile_definition",
]


@dataclass(frozen=True, slots=True)
class Need:
    """A metric and how far back its past is read, in seconds (0: the newest value is enough)."""

    metric: str
    depth_s: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """A condition of the plain form ``metric operator number``; the number may have a name."""

    metric: str
    operator: str
    value: float

    def holds(self, number: float) -> bool:
        """Whether it is true of a number of the metric."""
        return COMPARISONS[self.operator](number, self.value)


_UNITS = {Kind.DURATION: Unit.SECONDS, Kind.INSTANT: Unit.TIMESTAMP}


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a part of an expression came to, ``depth`` levels below the whole.

    ``value`` is a number in ``unit``, a truth, Bounds or None (unknown); of a part with labels a mapping from Labels to
    those.
    """

    depth: int
    text: str
    value: Value
    unit: Unit = Unit.COUNT


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled condition.

    ``labels`` are the names of the labels its answers carry; ``timed`` says that time alone can change its answer.
    ``shown`` is its text with what each name of ``define:`` stands for: "fake_score > limit (60)". ``aged`` are the
    metrics whose age it asks for, which may be longer than ``needs`` say.
    """

    text: str
    labels: frozenset[str]
    needs: tuple[Need, ...]
    series: tuple[Series, ...]
    timed: bool
    threshold: Threshold | None
    run: Run
    shown: str = ""
    parts: tuple[Part, ...] = field(default=(), repr=False)
    detections: tuple[Detection, ...] = field(default=(), repr=False)
    aged: frozenset[str] = frozenset()

    def truths(self, view: View, at_s: float) -> Mapping[Labels, bool | None]:
        """The truth for each label set that exists; for an expression without labels one truth, under ``()``."""
        value = self.run(view, at_s)
        return (value or {}) if self.labels else {NO_LABELS: value}

    def evaluated(self, view: View, at_s: float) -> list[Evaluated]:
        """What the whole and each part of it came to, the whole first, each before its own parts; no literals."""
        return [
            Evaluated(part.depth, written(part.tree), part.node.run(view, at_s), _UNITS.get(part.node.kind, Unit.COUNT))
            for part in self.parts
        ]

    def bands(self, view: View, at_s: float) -> Iterator[tuple[str, Labels, Finding]]:
        """What each detector in it found: the metric that it looks at (of two the first), its labels, the finding."""
        for detection in self.detections:
            found = detection.findings.run(view, at_s)
            for labels, finding in ((found or {}) if detection.findings.labels else {NO_LABELS: found}).items():
                if finding is not None:
                    yield detection.metric, labels, finding


def compile_condition(
    text: str, metrics: Mapping[str, Metric], names: Names = NO_NAMES, options: Options = PLAIN
) -> Expression | list[Problem]:
    """The compiled condition, or everything that is wrong with it.

    ``metrics`` and the definitions ``names`` are what it may use; a problem inside a definition is told where its name
    stands.
    """
    try:
        tree = expanded(parse(text), names)
    except ExpressionError as error:
        return [Problem(error.offset, error.text)]
    compiler = Compiler(metrics, names, options)
    node, notes = compiler.node(tree), compiler.notes
    if node is None:
        return notes.problems
    if node.kind is not Kind.TRUTH:
        return [Problem(tree.at, f"a rule needs a condition; this is {node.kind}. Compare it: ... > 0")]
    return Expression(
        text=text,
        labels=node.labels,
        needs=tuple(Need(metric, depth_s) for metric, depth_s in notes.needs.items()),
        series=tuple(notes.series),
        timed=notes.timed,
        threshold=_threshold(tree),
        run=node.run,
        shown=_shown(text, tree),
        parts=tuple(notes.parts),
        detections=tuple(notes.detections),
        aged=frozenset(notes.aged),
    )


def compile_definition(text: str, metrics: Mapping[str, Metric], names: Names = NO_NAMES) -> Tree | list[Problem]:
    """The tree of what a name of ``define:`` stands for, of any kind, or everything that is wrong with it.

    ``names`` are the other definitions that it may use; they stay names in the tree.
    """
    try:
        tree = parse(text)
        whole = expanded(tree, names)
    except ExpressionError as error:
        return [Problem(error.offset, error.text)]
    compiler = Compiler(metrics, names, PLAIN)
    compiler.node(whole)
    return compiler.notes.problems or tree


def _threshold(tree: Tree) -> Threshold | None:
    match behind(tree):
        case Binary(_, sign, left, right) if sign in COMPARISONS:
            metric, number = behind(left), behind(right)
            if isinstance(metric, Series) and not metric.selectors and isinstance(number, Number) and not number.unit_s:
                return Threshold(metric.metric, sign, number.value)
        case Binary(_, "and", left, _):
            return _threshold(left)
    return None


def _shown(text: str, tree: Tree) -> str:
    """The text, each name followed by what it stands for; from the last, so that the offsets of the others hold."""
    for name in reversed(list(named(tree))):
        end = name.at + len(name.name)
        text = f"{text[:end]} ({written(name.tree)}){text[end:]}"
    return text
