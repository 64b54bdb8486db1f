"""What was seen of the world outside, as the core takes it with every call.

The code of contracts, prices, and what contracts say where the policy has checks.
"""

from holdfast._core import Facts, OrderInputs
from holdfast.service.facts.code import NO_FACTS, CodeFacts
from holdfast.service.facts.prices.facts import PriceFacts
from holdfast.service.facts.readings import ReadingFacts
from holdfast.service.guardian.core import Core


class FactSources:
    """Puts them together; each part looks for itself."""

    def __init__(
        self, core: Core, code: CodeFacts, prices: PriceFacts, readings: ReadingFacts
    ) -> None:
        self._core = core
        self.code = code
        self.prices = prices
        self.readings = readings

    @property
    def reads_contracts(self) -> bool:
        """Whether contracts may have to be asked for a call; they seldom have."""
        return self._core.guard.reads_contracts

    def of_agent(self, agent: str, read: Facts = NO_FACTS) -> Facts:
        """The facts of a call of an agent: what was last seen of its chain, and of no other.

        With what was `read` for this very call.
        """
        seen = self._seen_by(agent)
        return seen if read is NO_FACTS else seen.updated_by(read)

    def _seen_by(self, agent: str) -> Facts:
        if self.code.is_empty and self.prices.is_empty:
            return NO_FACTS
        # The guard's own word: the gate learns of a policy a moment later than the core.
        chain_id = self._core.guard.chain_of(agent)
        if chain_id is None:
            return NO_FACTS
        code, prices = self.code.of_chain(chain_id), self.prices.of_chain(chain_id)
        if code is NO_FACTS or prices is NO_FACTS:
            return prices if code is NO_FACTS else code
        return code.updated_by(prices)

    async def of_call(self, agent: str, method: str, params: bytes) -> Facts:
        """As `of_agent`, with what contracts say to this call."""
        facts = self.of_agent(agent)
        questions = self.questions(agent, method, params, facts)
        return facts if questions is None else facts.updated_by(await self.readings.of(questions))

    def questions(self, agent: str, method: str, params: bytes, facts: Facts) -> bytes | None:
        """What contracts have to be asked before this call is decided; None for most."""
        now = self._core.clock.now_ms()
        return self._core.guard.readings_of_call(agent, method, params, facts, now)

    def questions_signed(
        self, agent: str, payload: bytes, signature: bytes, facts: Facts
    ) -> bytes | None:
        """The same for a call in a signed envelope."""
        now = self._core.clock.now_ms()
        return self._core.guard.readings_of_signed(agent, payload, signature, facts, now)

    async def of_request(self, request_id: str, asked: OrderInputs) -> Facts:
        """The facts by which a request is decided again before its order."""
        code = await self.code.of_request(asked)
        facts = code.updated_by(await self.prices.of_request(asked.chain_id))
        now = self._core.clock.now_ms()
        questions = self._core.guard.readings_of_request(request_id, facts, now)
        if questions is None:
            return facts
        return facts.updated_by(await self.readings.of(questions, order=True))
