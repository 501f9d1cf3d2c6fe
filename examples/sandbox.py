"""Run code that nobody trusts: in a container if an engine answers, else in bubblewrap.

A sandbox has no network, bounds what its commands take, tells what a bound did to them, and ends
with this process, however that ends. Its work is judged in another one, from its files alone.
"""

import anyio

from forethought.sandbox import SandboxPool, SandboxSpec, open_sandbox

BOMB = "data = bytearray()\nwhile True: data += bytes(1 << 20)"


async def main() -> None:
    async with SandboxPool(), open_sandbox(SandboxSpec(memory_mb=256, disk_mb=16)) as sandbox:
        await sandbox.write("numbers.txt", b"1 2 3 4")
        shown = await sandbox.exec(["sh", "-c", "tr ' ' '\\n' < numbers.txt | tail -1"])
        total = await sandbox.python("print(sum(map(int, open('numbers.txt').read().split())))")
        print("last:", shown.text.strip(), " sum:", total.text.strip())

        endless = await sandbox.python("while True: pass", timeout_s=0.2)
        print("timed out:", endless.timed_out)
        bomb = await sandbox.python(BOMB)
        print(
            "failed of memory:",
            bomb.rc != 0,
            " still there:",
            (await sandbox.exec(["true"])).rc == 0,
        )

        (twin,) = await sandbox.fork(1)
        await twin.write("numbers.txt", b"")
        print("after its fork:", (await sandbox.read("numbers.txt")).decode())
        await twin.close()


if __name__ == "__main__":
    anyio.run(main)
