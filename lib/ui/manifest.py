metadata(description="Lamp patterns and a button for asyncio.", version="0.1.0")

module("port.py", base_path="..")
package("ui", files=("__init__.py", "patterns.py", "button.py"), base_path="..")
