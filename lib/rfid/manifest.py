metadata(description="RFID and barcode readers that print a tag as a line.", version="0.1.0")

module("port.py", base_path="..")
package("rfid", files=("__init__.py", "line.py"), base_path="..")
