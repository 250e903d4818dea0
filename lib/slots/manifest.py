metadata(  # noqa: F821
    description="Application slots with trial and rollback on NOR flash, and signed bundles.",
    version="0.1.0",
)
package("slots", base_path="..")  # noqa: F821
