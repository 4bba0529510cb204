"""Turns of players, one by one, as in the trainer."""


def learn(player, losses, weights, step, rate):
    """Update a player by its losses at this step; without losses nothing changes."""
    player.schedule(step, rate)
    if losses:
        player.add_gradients(losses, weights, step)
        player.update()
