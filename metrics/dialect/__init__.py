"""ClickHouse SQL to DuckDB SQL: what the definitions say, compiled for the store, or refused by name and place."""
