"""What the demo says when it is ready: where it is, what is real, four calls to paste, and what to do next."""

import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Console

TENANTS = ("demo", "tenant-1")
TOKEN_DAYS = 30
#: The integration document's four routes, each with what it answers.
CALLS = (
    ("What was sold, and what is on the shelf", "products/PRD-123/with-sales-data?days=30"),
    ("What will be sold in the next 30 days", "products/PRD-123/demand-forecast?forecast_days=30"),
    ("Everything at a glance", "dashboard?days=30"),
    ("What to order, how much, when and why", "products/PRD-123/reorder-recommendation"),
)


@dataclass(frozen=True, slots=True)
class Welcome:
    """``products`` are how many tenant ``demo`` has; ``example`` is its best seller, id and name, if any sold."""

    urls: Mapping[str, str]
    process_ids: Mapping[str, int]
    data_dir: Path
    token: str
    business_date: date
    products: int
    example: tuple[str, str] | None

    def show(self, out: Console) -> None:
        """Prints it; the ``curl`` lines are complete by themselves."""
        out.print("\n[bold]Shelfwise is ready.[/]\n")
        for name, url in self.urls.items():
            out.print(f"  {name.capitalize():11}{url}/docs   (process {self.process_ids[name]})", markup=False)
        self._show_tenants(out)
        out.print(f"\n[bold]A token for both tenants[/], good for {TOKEN_DAYS} days:\n")
        out.print(self.token, style="cyan", markup=False)
        out.print("\n[bold]Paste any of these[/] in another terminal:")
        for question, path in CALLS:
            headers = f'-H "Authorization: Bearer {self.token}" -H "X-Tenant-ID: tenant-1"'
            out.print(f"\n{question}:\n", markup=False)
            out.print(
                f'curl -X GET "{self.urls["inventory"]}/api/inventory/{path}" {headers}', style="cyan", markup=False
            )
        self._show_next(out)

    def _show_tenants(self, out: Console) -> None:
        out.print(f"\n  demo       {self.products} products of a UK gift wholesaler. Real sales: UCI Online Retail,")
        out.print("             Daqing Chen, CC BY 4.0 (doi.org/10.24432/C5BW33), dates shifted by whole weeks.")
        out.print("             Stock, suppliers, costs and lead times are simulated from them.")
        out.print("  tenant-1   The example of the integration document. Simulated throughout.")
        out.print(f"\n  The business date is pinned to {self.business_date}, the day of loading; --reset loads afresh.")

    def _show_next(self, out: Console) -> None:
        best = "" if self.example is None else f", and a product such as {self.example[0]} ({self.example[1]})"
        out.print("\n[bold]What next[/]\n")
        out.print(f"  The wholesaler   the same with X-Tenant-ID: demo{best}", markup=False)
        out.print(f"  A shorter way    TOKEN=$({self._token_command()})", markup=False)
        out.print('                   and then -H "Authorization: Bearer $TOKEN"', markup=False)
        sales = self.process_ids["sales"]
        out.print(
            f"  Break it         kill -STOP {sales} freezes Sales: Inventory still answers, and says what it",
            markup=False,
        )
        out.print(f"                   does not know; kill -CONT {sales} wakes it up", markup=False)
        out.print("  Stop             Ctrl-C here stops both; the data stays\n", markup=False)

    def _token_command(self) -> str:
        beside = Path(sys.executable).with_name("shelfwise")
        found = shutil.which("shelfwise")
        if found is not None and Path(found).resolve() == beside.resolve():
            command = ["shelfwise"]
        else:
            command = [str(beside)] if beside.exists() else [sys.executable, "-m", "shelfwise.cli"]
        tenants = [part for tenant in TENANTS for part in ("--tenant", tenant)]
        return shlex.join([*command, "token", *tenants, "--data-dir", str(self.data_dir)])
