"""Tests of what a facility has around the devices: its Tango installation, and more hosts than one."""
