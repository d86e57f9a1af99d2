"""ClickHouse SQL to DuckDB SQL: what the definitions say, compiled for the store, or refused by name and place."""

from __future__ import annotations

from metrics.dialect.compiler import MACROS, Compiled, PipeQuery, compile_expression, compile_query, storage_type

__all__ = ["MACROS", "Compiled", "PipeQuery", "compile_expression", "compile_query", "storage_type"]
