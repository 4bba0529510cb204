"""Turns of players as the trainer plays them, one by one."""


def learn(player, losses, weights, step, rate):
    """Update a player by its losses at this step; without any it stays as it is."""
    player.schedule(step, rate)
    if losses:
        player.add_gradients(losses, weights, step)
        player.update()
