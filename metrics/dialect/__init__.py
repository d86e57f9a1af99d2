"""ClickHouse SQL to DuckDB SQL: what the definitions say, compiled for the store, or refused by name and place."""

from __future__ import annotations

from metrics.dialect.compiler import ROLLUPS, Compiled, compile_expression, compile_query, storage_type
from metrics.dialect.expansion import MACROS
from metrics.dialect.sharing import PipeQuery

__all__ = ["MACROS", "ROLLUPS", "Compiled", "PipeQuery", "compile_expression", "compile_query", "storage_type"]
