# What a start reads from the flash, and an estimate of the time.
# MIT license; part of microevse
"""usage: bench_boot.py

support/boot_reads.py says what is counted, and of what the estimate is made. No chip was timed."""

import asyncio

import places  # noqa: F401 (import paths)
import boot_reads
import image

if __name__ == "__main__":
    print("until the charger is connected (reads through Python, KB read):")
    for layout, words in (("slots", "slots in littlefs"), ("romfs", "slots in a ROMFS")):
        found = asyncio.run(boot_reads.start(layout))
        print(
            "  %-17s  %3d modules of %3.0f KB: %6d reads of slots, %5.0f KB; journal %4d, %3.0f KB"
            % (
                words,
                found.files,
                found.size / 1024,
                found.slot_reads,
                found.slot_bytes / 1024,
                found.journal_reads,
                found.journal_bytes / 1024,
            )
        )
        if layout == "slots":
            print("    estimate of the imports: %.1f to %.1f s" % boot_reads.seconds(found))
        else:
            most = found.size / 1024 * boot_reads.MS_PER_KB / 1000
            print(
                "    estimate of the imports: less than %.1f s, what littlefs alone takes" % most
            )
            print("    frozen: nothing is read and no module is loaded from a file")
    print("slots in littlefs, if it were otherwise (reads, KB):")
    for words, more in (
        ("littlefs's defaults: reads of 32 bytes, buffers of 128", {"sizes": ""}),
        ("reads of 128 bytes, buffers of 512", {"sizes": "readsize=128"}),
        ("reads of 512 bytes, buffers of 512", {"sizes": "readsize=512"}),
        ("files written in another order", {"backwards": True}),
        ("lib/ beside the rest: one directory less", {"flat": True}),
        ("a sector of 4 KB read at once and kept", {"ahead": True}),
        ("blocks of 1024, buffers of 1024: 12 % more flash", {"block": 1024}),
    ):
        try:
            found = asyncio.run(boot_reads.start("slots", **more))
        except image.DoesNotFit as exc:
            print("  does not fit   %s: %s" % (words, exc))
            continue
        print("  %6d  %5.0f  %s" % (found.slot_reads, found.slot_bytes / 1024, words))
