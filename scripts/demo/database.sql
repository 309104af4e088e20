create table customers (id integer primary key, name text not null, note text);
create table orders (
    id integer primary key,
    customer integer not null references customers,
    item text not null,
    price numeric(10, 2) not null,
    placed timestamptz not null,
    receipt bytea not null
);
insert into customers
select n, 'customer ' || n, case n % 3 when 0 then 'Grüße, 鯨 🐋' when 1 then E'tab\there\nsecond line \\ quote''' end
from generate_series(1, 500) n;
insert into orders
select n, 1 + n % 500, 'item ' || md5(n::text), (n * 37 % 100000) / 100.0,
       timestamptz '2026-01-01 00:00:00+00' + n * interval '17 minutes', decode(md5(n::text) || md5((-n)::text), 'hex')
from generate_series(1, 20000) n;
