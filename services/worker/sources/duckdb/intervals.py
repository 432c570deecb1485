"""DuckDB's intervals, which have months, days and microseconds, as text."""


def iso(raw: str) -> str:
    """Return the interval in PostgreSQL's form of ISO 8601.

    Each part has its own sign: `P1M2D`, `PT-1M-1.5S`; zero is `PT0S`.
    """
    date = f"concat({', '.join(_part(raw, part) for part in ('year', 'month', 'day'))})"
    time = f"concat({_part(raw, 'hour')}, {_part(raw, 'minute')}, {_seconds(raw)})"
    both = f"concat('P', {date}, nullif(concat('T', {time}), 'T'))"
    return f"case when {raw} is not null then replace(replace({both} || ';', 'P;', 'PT0S'), ';', '') end"


def iso_of_microseconds(raw: str) -> str:
    """Return microseconds in ISO 8601 as any number of seconds: `-PT90.5S`."""
    sign = f"case when {raw} < 0 then '-' else '' end"
    return f"case when {raw} is not null then {sign} || 'PT' || {_magnitude(f'abs({raw})')} || 'S' end"


def _part(raw: str, part: str) -> str:
    return f"nullif(datepart('{part}', {raw}) || '{part[0].upper()}', '0{part[0].upper()}')"


def _seconds(raw: str) -> str:
    micros = f"datepart('microsecond', {raw})"
    sign = f"case when {micros} < 0 then '-' else '' end"
    return f"case when {micros} <> 0 then {sign} || {_magnitude(f'abs({micros})')} || 'S' end"


def _magnitude(micros: str) -> str:
    """Return microseconds as seconds, without zeros at the end of the fraction."""
    fraction = f"rtrim(lpad(({micros} % 1000000)::varchar, 6, '0'), '0')"
    dot = f"case when {micros} % 1000000 <> 0 then '.' else '' end"
    return f"{micros} // 1000000 || {dot} || {fraction}"
