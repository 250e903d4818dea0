metadata(description="Energy meters with one set of verbs.", version="0.1.0")

require("modbus")
module("port.py", base_path="..")
package("meters", files=("__init__.py", "eastron.py"), base_path="..")
