"""Dense, exact matrices."""

from .build import block, diagonal, from_function, identity, parse_matrix, rotation, zeros
from .eliminate import Echelon, adjugate, determinant, inverse, rank, row_echelon
from .matrix import Matrix, ShapeError
from .solve import NoSolution, Solution, Underdetermined, fit_polynomial, nullspace, solve, solve_all
from .vector import cross, dot, is_parallel, primitive, project, squared_length

__all__ = [
    "Echelon",
    "Matrix",
    "NoSolution",
    "ShapeError",
    "Solution",
    "Underdetermined",
    "adjugate",
    "block",
    "cross",
    "determinant",
    "diagonal",
    "dot",
    "fit_polynomial",
    "from_function",
    "identity",
    "inverse",
    "is_parallel",
    "nullspace",
    "parse_matrix",
    "primitive",
    "project",
    "rank",
    "rotation",
    "row_echelon",
    "solve",
    "solve_all",
    "squared_length",
    "zeros",
]
