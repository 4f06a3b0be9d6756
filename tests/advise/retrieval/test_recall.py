from __future__ import annotations

from luthier.advise.retrieval.passages import Passage
from luthier.advise.retrieval.recall import find_wanted, measure_recall

DOCUMENTS = ("guide/returns.md", "costs.md")


def find_at(depth: int, wanted: list[frozenset[str]], found: list[list[str]]) -> tuple[int, int]:
    passages = [[Passage("text", source, "", 1) for source in sources] for sources in found]
    (recall,) = (each for each in measure_recall(wanted, passages) if each.depth == depth)
    return recall.found, recall.total


def test_a_document_counts_from_the_depth_at_which_it_is_found() -> None:
    wanted = [frozenset({"a"}), frozenset({"b"})]
    found = [["a", "x", "y"], ["x", "y", "b"]]
    assert find_at(1, wanted, found) == (1, 2)
    assert find_at(3, wanted, found) == (2, 2)


def test_questions_that_name_no_document_do_not_count() -> None:
    assert find_at(1, [frozenset({"a"}), frozenset()], [["a"], ["a"]]) == (1, 1)
    assert measure_recall([frozenset()], [[]]) == ()


def test_a_row_names_documents_by_path_or_by_name() -> None:
    assert find_wanted({"source": "guide/returns.md"}, "source", DOCUMENTS) == {"guide/returns.md"}
    assert find_wanted({"source": ["returns.md", "costs.md"]}, "source", DOCUMENTS) == set(DOCUMENTS)
    assert find_wanted({"source": "crm"}, "source", DOCUMENTS) == set()
    assert find_wanted({"source": 7}, "source", DOCUMENTS) == set()
    assert find_wanted({}, "source", DOCUMENTS) == set()
