"""The languages in which `words` describes an expression. Add one here to support another."""

import msgspec


class Words(msgspec.Struct, frozen=True):
    """A language; `nths` are the ordinals from first to fifth, then last."""

    locale: str
    conjunction: str
    run: str
    at: str
    units: tuple[tuple[str, str, str], ...]
    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    nths: tuple[str, ...]
    nth_weekday: str
    weekday_range: str
    only_weekdays: str
    on_nth_weekdays: str
    article: str
    day: str
    days: str
    last_day: str
    some_days: str
    either: str
    both: str
    month_range: str
    only_months: str


EN = Words(
    locale="en_US",
    conjunction="and",
    run="{} through {}",
    at="At {}",
    units=(
        ("every second", "second {}", "seconds {}"),
        ("every minute", "minute {}", "minutes {}"),
        ("every hour", "hour {}", "hours {}"),
    ),
    weekdays=("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    nths=("first", "second", "third", "fourth", "fifth", "last"),
    nth_weekday="the {} {} of the month",
    weekday_range="{} through {}",
    only_weekdays="only on {}",
    on_nth_weekdays="on {}",
    article="",
    day="day {}",
    days="days {}",
    last_day="the last day",
    some_days="on {} of the month",
    either="{} or on {}",
    both="{} if it is {}",
    month_range="{} through {}",
    only_months="only in {}",
)
ES = Words(
    locale="es_ES",
    conjunction="y",
    run="{} a {}",
    at="A las {}",
    units=(
        ("cada segundo", "segundo {}", "segundos {}"),
        ("cada minuto", "minuto {}", "minutos {}"),
        ("cada hora", "hora {}", "horas {}"),
    ),
    weekdays=("domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"),
    months=(
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ),
    nths=("primer", "segundo", "tercer", "cuarto", "quinto", "último"),
    nth_weekday="el {} {} del mes",
    weekday_range="de {} a {}",
    only_weekdays="solo {}",
    on_nth_weekdays="{}",
    article="el ",
    day="el día {}",
    days="los días {}",
    last_day="el último día",
    some_days="{} del mes",
    either="{} o {}",
    both="{} si es {}",
    month_range="de {} a {}",
    only_months="solo en {}",
)
LANGUAGES = {"en": EN, "es": ES}
