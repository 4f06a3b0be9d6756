from __future__ import annotations

from luthier.evaluation.display.pieces import Piece, cut_pieces, join_pieces


def test_neighbours_of_one_mark_become_one_piece() -> None:
    pieces = [Piece("a"), Piece("b"), Piece("", "wrong"), Piece("c", "wrong"), Piece("d", "wrong"), Piece("e")]
    assert join_pieces(pieces) == [Piece("ab"), Piece("cd", "wrong"), Piece("e")]


def test_what_is_left_out_is_counted() -> None:
    shown = cut_pieces([Piece("abc"), Piece("def", "wrong"), Piece("ghi")], 4)
    assert shown.pieces == (Piece("abc"), Piece("d", "wrong"))
    assert (shown.text, shown.length, shown.hidden) == ("abcd", 4, 5)


def test_nothing_is_cut_from_what_has_room() -> None:
    assert cut_pieces([Piece("abc")], 3).hidden == 0
