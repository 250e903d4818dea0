metadata(description="Modbus RTU master for asyncio over any UART object.", version="0.1.0")

module("port.py", base_path="..")
package("modbus", files=("__init__.py", "rtu.py"), base_path="..")
