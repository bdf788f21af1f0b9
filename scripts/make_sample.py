"""Makes the shipped extract of UCI Online Retail from the data set's order lines.

Run: ``python scripts/make_sample.py LINES.parquet`` (needs pandas and pyarrow). The result is a pure function of
the input: running it again writes the same bytes.

Which products. Stock codes are compared without regard to case. A product is eligible when its code is five digits
and at most two letters (this leaves out postage, fees, samples, manual entries and vouchers) and it was sold on at
least ``MIN_SELLING_DAYS`` days. Eligible products are sorted by their number of selling days and cut into
``STRATA`` strata of equal size; the same number is drawn from each with a fixed seed. Every eligible product has
the same chance, whatever its sales look like, and fast, slow and intermittent ones are all present.

Which lines. All lines of those products but: the partial last day; lines without a positive price; negative
quantities that are no cancellation (stock-taking adjustments). Customer ids serve to match cancellations here and
are not written.
"""

import argparse
import csv
import gzip
import io
import random
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

SEED = 20101201
MIN_SELLING_DAYS = 10
STRATA = 50
PRODUCTS_PER_STRATUM = 10
FIRST_DROPPED_DAY = "2011-12-09"
MERCHANDISE = r"^\d{5}[A-Z]{0,2}$"
OUT = Path(__file__).resolve().parents[1] / "src" / "shelfwise" / "sample" / "data"

LINE_COLUMNS = (
    "order_id",
    "line_no",
    "ordered_at",
    "product",
    "quantity",
    "unit_price",
    "kind",
    "cancels_order_id",
    "cancels_line_no",
)
PRODUCT_COLUMNS = (
    "product_id",
    "sku",
    "name",
    "category",
    "price",
    "unit_cost",
    "pack_size",
    "moq",
    "supplier",
)

#: First match wins. Words of the name only: a name that says nothing of its kind gets no category.
CATEGORIES = (
    ("Christmas and Easter", r"\b(CHRISTMAS|XMAS|EASTER|ADVENT|SANTA|REINDEER|BAUBLES?)\b"),
    ("Jewellery and hair", r"\b(NECKLACE|EARRINGS?|BRACELET|RING|BROOCH|BANGLE|HAIR|PENDANT|CHARM|JEWELLERY)\b"),
    (
        "Candles and lighting",
        r"\b(CANDLES?|T-LIGHTS?|T-?LIGHT|CANDLESTICK|LANTERN|LAMP|LAMPSHADE|LIGHTS?|CANDLEHOLDER|INCENSE)\b",
    ),
    (
        "Cards, wrap and stationery",
        r"\b(CARDS?|WRAP|NOTEBOOK|PENCILS?|PEN|STICKERS?|ERASERS?|TISSUE|JOURNAL|ENVELOPES?)\b",
    ),
    ("Bags and purses", r"\b(BAGS?|PURSE|SHOPPER|HANDBAG|RUCKSACK|SATCHEL)\b"),
    (
        "Kitchen and dining",
        (
            r"\b(MUGS?|CUPS?|SAUCER|TEA|TEAPOT|TEASPOONS?|BOWL|PLATES?|CAKE|CUTLERY|KITCHEN|APRON|JUG|NAPKINS?|BAKING"
            r"|CAKESTAND|CAKE ?CASES|EGG|COFFEE|LUNCH|BOTTLE|RECIPE|OVEN|SPOONS?|JAM|CHOPSTICKS|COASTERS?|PLACEMATS?"
            r"|DOILY|DOILIES|STRAWS|JELLY|TOWEL|TUMBLER|GLASSES|MOULDS?)\b"
        ),
    ),
    ("Garden", r"\b(GARDEN|GARDENERS?|GARDENING|PLANTER|PLANT|WATERING|PARASOL|HERB|FLOWER POT|SEEDS?|BIRDHOUSE)\b"),
    (
        "Toys and children",
        (
            r"\b(TOY|TOYS|GAME|JIGSAW|DOLLY|DOLL|PLAYING|CHILDRENS|CHILDS|KIDS|BABY|SKITTLES|PUZZLE|SOFT TOY|BALLOONS?"
            r"|MARBLES|SKIPPING|SPINNING|KNITTING|DOMINOES)\b"
        ),
    ),
    ("Party", r"\b(PARTY|BUNTING|BIRTHDAY|WEDDING)\b"),
    ("Storage", r"\b(STORAGE|BOX|BOXES|BASKET|TINS?|JARS?|CABINET|DRAWERS?|HOOKS?|HANGERS?|RACK|TRAY)\b"),
    (
        "Home decoration",
        (
            r"\b(CUSHION|SIGN|FRAMES?|MIRROR|CLOCK|DECORATIONS?|GARLAND|WREATH|DOORMAT|DOORSTOP|WALL|VASE|CURTAIN|RUG|ORNAMENT"
            r"|HEARTS?|WICKER|CHALKBOARD|BLACKBOARD|QUILT|THROW|PICTURE)\b"
        ),
    ),
)

SUPPLIERS = (
    ("Northgate Homewares (simulated)", 20),
    ("Calder Paper & Print (simulated)", 16),
    ("Brightwick Candles (simulated)", 13),
    ("Meadow & Fern Giftware (simulated)", 13),
    ("Ostend Trading (simulated)", 12),
    ("Harbour Toys (simulated)", 10),
    ("Golden Lotus Imports (simulated)", 9),
    ("Far Shore Ceramics (simulated)", 7),
)
PACK_SIZES = (24, 12, 10, 8, 6, 4, 3, 2)
COMMON_SHARE = 0.45


@dataclass(slots=True)
class Sale:
    """A sale line that a later cancellation may name; ``left`` is what is not yet cancelled."""

    order_id: str
    line_no: int
    left: int


def main() -> None:
    """Read the data set's lines and write the two shipped files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", type=Path, help="UCI Online Retail order lines as parquet")
    lines = merchandise(pd.read_parquet(parser.parse_args().lines))
    lines = lines[lines["sku"].isin(choose_products(lines))]
    rows = list(order_lines(lines))
    write_lines(OUT / "online_retail.csv.gz", rows)
    products = describe_products(lines)
    write_products(OUT / "online_retail_products.csv", products)
    print(f"{len(products)} products, {len(rows)} lines")


def merchandise(lines: pd.DataFrame) -> pd.DataFrame:
    """Goods with a price, on complete days, without stock-taking adjustments; one time for each order."""
    frame = lines.assign(
        sku=lines["StockCode"].astype(str).str.strip().str.upper(),
        order_id=lines["InvoiceNo"].astype(str),
        position=range(len(lines)),
    )
    frame["cancelling"] = frame["order_id"].str.startswith("C")
    frame["line_no"] = frame.groupby("order_id").cumcount() + 1
    frame["ordered_at"] = frame.groupby("order_id")["InvoiceDate"].transform("min")
    keep = (
        frame["sku"].str.match(MERCHANDISE)
        & (frame["UnitPrice"] > 0)
        & (frame["ordered_at"] < FIRST_DROPPED_DAY)
        & (frame["cancelling"] == (frame["Quantity"] < 0))
        & ~frame["Description"].fillna("").str.contains("voucher|damaged", case=False)
    )
    return frame[keep].sort_values(["ordered_at", "position"], kind="stable")


def choose_products(lines: pd.DataFrame) -> set[str]:
    """The stratified sample that the module's docstring describes."""
    sales = lines[~lines["cancelling"]]
    days = sales.groupby("sku")["ordered_at"].agg(lambda times: times.dt.date.nunique())
    eligible = sorted((int(count), str(sku)) for sku, count in days.items() if count >= MIN_SELLING_DAYS)
    random_source = random.Random(SEED)
    chosen: set[str] = set()
    for stratum in range(STRATA):
        start, end = (len(eligible) * edge // STRATA for edge in (stratum, stratum + 1))
        chosen.update(sku for _, sku in random_source.sample(eligible[start:end], PRODUCTS_PER_STRATUM))
    return chosen


def order_lines(lines: pd.DataFrame) -> list[list[str]]:
    """Rows of the shipped CSV in time order, each cancellation after the line that it names."""
    sales: dict[tuple[object, str, float], list[Sale]] = defaultdict(list)
    rows: list[list[str]] = []
    for line in lines.itertuples(index=False):
        quantity = abs(int(line.Quantity))
        key = None if pd.isna(line.CustomerID) else (int(line.CustomerID), line.sku, line.UnitPrice)
        kind, cancelled = "sale", None
        if line.cancelling:
            cancelled = None if key is None else find_cancelled(sales[key], quantity)
            kind = "return" if cancelled is None else "cancellation"
        elif key is not None:
            sales[key].append(Sale(line.order_id, line.line_no, quantity))
        names = ["", ""] if cancelled is None else [cancelled.order_id, str(cancelled.line_no)]
        when = line.ordered_at.strftime("%Y-%m-%dT%H:%M")
        price = f"{line.UnitPrice:.3f}".removesuffix("0")
        rows.append([line.order_id, str(line.line_no), when, line.sku, str(quantity), price, kind, *names])
    return rows


def find_cancelled(candidates: list[Sale], quantity: int) -> Sale | None:
    """Take ``quantity`` off the latest sale of exactly that remainder, else off the latest that has enough."""
    enough = [sale for sale in reversed(candidates) if sale.left >= quantity]
    found = next((sale for sale in enough if sale.left == quantity), enough[0] if enough else None)
    if found is not None:
        found.left -= quantity
    return found


def describe_products(lines: pd.DataFrame) -> list[list[str]]:
    """Rows of the products file: name and price from the data, cost, pack, MOQ and supplier simulated."""
    random_source = random.Random(SEED + 1)
    names, weights = zip(*SUPPLIERS, strict=True)
    rows = []
    for sku, own in lines[~lines["cancelling"]].groupby("sku", sort=True):
        name = own["Description"].dropna().str.split().str.join(" ").mode().iloc[0]
        price = float(own["UnitPrice"].median())
        cost = max(0.01, round(price * random_source.uniform(0.42, 0.66), 2))
        pack = typical_pack([int(quantity) for quantity in own["Quantity"]])
        monthly = float(own["Quantity"].sum()) * 30 / 373
        packs = random_source.choice([factor for factor in (1, 1, 2, 4, 8) if factor == 1 or factor * pack <= monthly])
        supplier = random_source.choices(names, weights)[0]
        fields = (f"{price:.2f}", f"{cost:.2f}", str(pack), str(pack * packs))
        rows.append([str(sku), str(sku), name, category_of(name), *fields, supplier])
    return rows


def category_of(name: str) -> str:
    return next((category for category, words in CATEGORIES if re.search(words, name)), "")


def typical_pack(quantities: list[int]) -> int:
    """The largest usual pack that divides at least ``COMMON_SHARE`` of the ordered quantities, else 1."""
    for pack in PACK_SIZES:
        if sum(quantity % pack == 0 for quantity in quantities) >= COMMON_SHARE * len(quantities):
            return pack
    return 1


def write_lines(path: Path, rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LINE_COLUMNS)
    writer.writerows(rows)
    # No time stamp in the archive: the same input gives the same bytes.
    path.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))


def write_products(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(PRODUCT_COLUMNS)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
