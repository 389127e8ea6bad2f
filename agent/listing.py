"""Which cases a question wants listed: by the facets, reps and words it names."""

from __future__ import annotations

from collections.abc import Sequence

from agent.matching import facets_named, has_facets, match_cases
from agent.questions import Question
from agent.shelf import CaseFile, Shelf
from domain.cases import CaseHit

MOST_CASES = 5
_LEAST_COVERAGE = 0.5


def listed_cases(question: Question, shelf: Shelf, hits: Sequence[CaseHit]) -> list[CaseFile]:
    """Return up to five cases that fit every facet named, closest in words first; none where nothing is named."""
    facets = facets_named(question.text, shelf)
    reps = [rep for rep in shelf.reps if rep in question.text]
    matches = match_cases(question, shelf, hits) if question.words else []
    close = [match.case for match in matches if facets or match.coverage >= _LEAST_COVERAGE]
    if not (facets or reps or close):
        return []
    pool = [*close, *(case for case in shelf.cases.values() if (facets or reps) and case not in close)]
    fitting = [case for case in pool if has_facets(case, facets, question.outcome)]
    return [case for case in fitting if not reps or case.text("rep") in reps][:MOST_CASES]
