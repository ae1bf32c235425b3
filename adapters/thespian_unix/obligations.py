"""What Thespian asks of any transport, and this one answers in a line."""

from __future__ import annotations

from typing import Any

from thespian.actors import ActorAddress

from adapters.thespian_unix import naming, socket_directory


class Obligations:
    getAdminAddr = staticmethod(naming.admin_by_capabilities)
    getAddressFromString = staticmethod(naming.admin_by_text)
    getConventionAddress = staticmethod(naming.convention_admins)

    @staticmethod
    def probeAdmin(address: ActorAddress) -> bool:
        return socket_directory.answers(address.addressDetails.path)

    def protectedFileNumList(self) -> list[int]:
        return []  # descriptors are closed in the child, by `forking`

    childResetFileNumList = protectedFileNumList

    def setAddressManager(self, address_manager: Any) -> None: ...

    def enableRXPauseFlowControl(self, enable: bool = True) -> None: ...  # we never stop receiving to send
