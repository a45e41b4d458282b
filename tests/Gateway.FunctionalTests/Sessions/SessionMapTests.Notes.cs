using Xunit;

namespace Gateway.FunctionalTests.Sessions;

/// <summary>What is kept beside the records.</summary>
public abstract partial class SessionMapTests
{
    [Fact]
    public async Task Notes_AreReadByEveryReplica_UntilTheyAreRemoved()
    {
        await using var one = await StartAsync();
        await using var two = await StartAsync();

        await one.Notes.WriteAsync("kind", new Dictionary<string, string?> { ["a"] = "1", ["b"] = "2" }, CancellationToken.None);
        await two.Notes.WriteAsync("kind", new Dictionary<string, string?> { ["a"] = null, ["c"] = "3" }, CancellationToken.None);

        Assert.Null(await one.Notes.ReadAsync("kind", "a", CancellationToken.None));
        Assert.Equal("3", await one.Notes.ReadAsync("kind", "c", CancellationToken.None));
        Assert.Equal(["b=2", "c=3"], (await two.Notes.ReadAllAsync("kind", CancellationToken.None)).Select(note => $"{note.Key}={note.Value}").Order());
        Assert.Empty(await one.Notes.ReadAllAsync("other", CancellationToken.None));
    }

    [Fact]
    public async Task Log_KeepsItsLastEntries_AndReadsThemNewestFirst()
    {
        await using var one = await StartAsync();
        for (var entry = 1; entry <= 7; entry++)
        {
            await one.Notes.AppendAsync("log", $"entry-{entry}", keep: 4, CancellationToken.None);
        }

        Assert.Equal(["entry-7", "entry-6", "entry-5", "entry-4"], await one.Notes.ReadLastAsync("log", 10, CancellationToken.None));
        Assert.Equal(["entry-7", "entry-6"], await one.Notes.ReadLastAsync("log", 2, CancellationToken.None));
    }
}
