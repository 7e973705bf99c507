"""How well does each variant do, which differences are real, are twins alike, are the lab's figures reproduced?"""
