using System.Text.Json;
using Gateway.FunctionalTests.Identity;
using Xunit;

namespace Gateway.FunctionalTests.Operations;

public sealed class OpenApiTests
{
    /// <summary>With <c>UPDATE_OPENAPI=1</c> the copy is written instead: look at what changed before it is committed.</summary>
    [Fact]
    public async Task CheckedInCopy_IsWhatTheGatewayAnswers()
    {
        await using var host = await GatewayHost.StartAsync();
        using var program = host.NewProgram(host.Authority.AccessToken("ops", claims: new() { ["role"] = "operator" }), host.OperationsUrl);
        var answered = (await program.GetStringAsync("/openapi/v1.json")).ReplaceLineEndings("\n").TrimEnd() + "\n";
        var copy = Path.Combine(Root(), "docs", "openapi.json");
        if (Environment.GetEnvironmentVariable("UPDATE_OPENAPI") == "1")
        {
            await File.WriteAllTextAsync(copy, answered);
        }

        Assert.Equal(await File.ReadAllTextAsync(copy), answered);
        var document = JsonSerializer.Deserialize<JsonElement>(answered);
        Assert.StartsWith("3.1", document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        Assert.True(document.GetProperty("paths").TryGetProperty("/api/routes/{id}/why", out _));
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Gateway.sln")))
        {
            folder = folder.Parent!;
        }

        return folder.FullName;
    }
}
