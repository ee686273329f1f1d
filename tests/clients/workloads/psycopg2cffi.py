# SPDX-License-Identifier: MIT
"""psycopg2cffi: libpq without a server: quoting, adapters, errors of connecting."""

IMPORTS = ["psycopg2cffi", "psycopg2cffi.extensions", "psycopg2cffi.extras"]


def work(say, scratch):
    import datetime
    import decimal

    import psycopg2cffi as p
    from psycopg2cffi import extensions as e
    say("names", (p.apilevel, p.paramstyle, p.threadsafety))
    for value in (1, -1, 1.5, "te'xt\\", b"\0\xff'", None, True, [1, [2, 3]], (1, "a"),
                  decimal.Decimal("1.20"), datetime.date(2020, 1, 2),
                  datetime.timedelta(1, 2, 3), float("nan")):
        adapted = e.adapt(value)
        say("adapted", adapted.getquoted())
    for i in range(5):
        try:
            p.connect("host=127.0.0.1 port=1 user=u dbname=d connect_timeout=2")
        except p.OperationalError as error:
            say("connect", str(error))
    try:
        p.connect("no = such = thing")
    except p.Error as error:
        say("dsn", str(error))
    say("binary", bytes(p.Binary(bytes(range(256))).getquoted()))
